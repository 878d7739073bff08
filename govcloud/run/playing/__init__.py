"""Hosts and Ansible: one run of ansible-playbook, batches of them, and what hosts tell."""
