"""The pages of the pretend EHR: patient list, chart, decision support, developer's view."""
