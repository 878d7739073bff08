"""Security: grades, assessments, dangers, protected objects, products, providers."""
