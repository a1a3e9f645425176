"""A general front-end for HCL 2: syntax trees with exact positions, evaluation, schemas, diagnostics."""
