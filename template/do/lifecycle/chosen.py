# Part of the library: `copier update` replaces this file.
"""What the commands do differently by the answers of `copier copy`. Other modules are the same everywhere."""

# The versions of Python that requirements.txt has wheels for, oldest first, and the model's file.
PYTHONS: tuple[str, ...] = ("3.11", "3.12", "3.13")
MODEL_FILE = "model.pkl"

# Triton: whether the model is a program, which a copy does not load, and whether its file can be judged.
MODEL_IS_A_PROGRAM = False
MODEL_CAN_BE_JUDGED = False
MODEL_NEEDS_A_GPU = False

# Language models: the kinds of requests, the first is the default; whether a request names its route.
REQUESTS: tuple[str, ...] = ()
REQUESTS_NAME_THEIR_ROUTE = False

# AWS CodeBuild: the machine that builds, and its image.
COMPUTE_TYPE = ""
BUILD_IMAGE = ""
