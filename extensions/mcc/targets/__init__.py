"""Where a project is deployed: SageMaker endpoints and Kubernetes objects."""
