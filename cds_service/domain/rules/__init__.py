"""The rules, one module per part of the medicine; `judging.py` says which rule goes where."""
