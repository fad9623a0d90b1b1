"""The engines of the nightly run: a whole population's resources become assessments."""
