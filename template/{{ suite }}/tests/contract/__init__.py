"""What SageMaker expects of a model server, as numbered checks: `python -m tests.contract --help`."""
