"""An assessment for people and programs: JSON, Markdown for a tumour board, a terminal table."""
