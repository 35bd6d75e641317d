# Part of the library: `copier update` replaces this file.
"""The values that depend on the answers to `copier copy`. Other modules are the same in every project."""

KIND = "predictive"  # of model: a package of lifecycle

# The Python versions that requirements.txt has wheels for, oldest first, and the model file.
PYTHONS: tuple[str, ...] = ("3.11", "3.12", "3.13")
MODEL_FILE = "model.pkl"

# Triton: whether loading the model runs code, and whether its file can be checked without loading.
MODEL_IS_A_PROGRAM = False
MODEL_CAN_BE_JUDGED = False
MODEL_NEEDS_A_GPU = False

# Language models: the kinds of requests, the default first; whether a request names its route.
REQUESTS: tuple[str, ...] = ()
REQUESTS_NAME_THEIR_ROUTE = False

# The upper limit of tokens per second on one instance, from the memory bandwidth of its GPUs (0: unknown).
CEILING_TOKENS_S = 0

# Whether the endpoint answers chats of OpenAI clients (the OpenAI-compatible path of SageMaker).
OPENAI_PATH = False

# Language models: the model that the server downloads, the digest of its files on S3, and whether the server
# reads a token from a secret.
HUB_MODEL = ""
MODEL_DIGEST = ""
TOKEN_SECRET = False

# AWS CodeBuild: the compute type and the image of builds.
COMPUTE_TYPE = ""
BUILD_IMAGE = ""
