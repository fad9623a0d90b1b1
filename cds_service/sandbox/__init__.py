"""The pretend EHR: a FHIR server with synthetic patients, a chart that fires hooks, and the cards it shows."""
