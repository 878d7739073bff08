"""A private network becomes part of the one (业务专网整合): classified, planned, merged, proved, undone."""
