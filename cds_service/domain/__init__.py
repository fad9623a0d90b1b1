"""The medicine: values in, values out; imports the standard library and nothing else."""
