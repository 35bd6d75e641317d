FROM debian:bookworm-slim
COPY certificates/ /usr/local/share/ca-certificates/
COPY sources/ /etc/apt/sources.list.d/
COPY pip.conf /etc/pip.conf
# As in the real image, apt has no caches.
COPY docker-clean /etc/apt/apt.conf.d/docker-clean
# Debian's Python, if none can be copied.
ARG PACKAGE=
RUN rm -f /etc/apt/sources.list \
    && update-ca-certificates \
    && apt-get update \
    && apt-get install -y --no-install-recommends \
        libbz2-1.0 libexpat1 libffi8 liblzma5 libncursesw6 libreadline8 libsqlite3-0 libssl3 libuuid1 netbase tzdata zlib1g $PACKAGE \
    && rm -rf /var/lib/apt/lists/*
COPY bin/ /usr/local/bin/
COPY lib/ /usr/local/lib/
RUN ldconfig \
    && find /usr/local/bin -name 'pip3*' -exec sed -i '1s|.*|#!/usr/local/bin/python3|' {} + \
    && ln -sf "$(command -v python3)" /usr/local/bin/python \
    && ln -sf "$(command -v pip3)" /usr/local/bin/pip \
    && python --version \
    && pip --version
CMD ["python3"]
