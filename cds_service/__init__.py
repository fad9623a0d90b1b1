"""The CDS Hooks service of EXTEND-OP; README.md in this folder is the map."""
