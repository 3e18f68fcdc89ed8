# One image for all apps and for `tape`: docker build -t tapewatch .
# The apps' dockerfiles, where Quix looks for them, are this text too: python image/copies.py

# Python 3.12.15 on Debian 12, an index of all architectures. No registry could be reached to check
# the digest: it is what public repositories that share nothing else found at this tag in October
# 2026. To renew: docker buildx imagetools inspect python:3.12-slim-bookworm
# For a mirror or another base: --build-arg BASE_IMAGE=..., or BASE_IMAGE in .env for compose.
ARG BASE_IMAGE=python:3.12-slim-bookworm@sha256:34386ef0cb081344d7ec1c103ba398e6e9f64e9ab3a1509accc92a4e24a07258

FROM ${BASE_IMAGE} AS packages
COPY image/requirements.txt image/slim.py /tmp/
RUN pip install --no-cache-dir --no-compile --no-deps --require-hashes --target /opt/packages -r /tmp/requirements.txt \
    && python3 /tmp/slim.py /opt/packages

FROM ${BASE_IMAGE}

# The only build argument of the stage: Quix would pass secrets as others.
ARG MAINAPPPATH=.

ENV PYTHONUNBUFFERED=1 \
    PYTHONWARNINGS=ignore::DeprecationWarning \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app:/opt/packages \
    TAPEWATCH_KERNELS=/opt/kernels.tar.gz \
    Quix__Deployment__State__Path=/app/state

COPY --from=packages /opt/packages /opt/packages
COPY . /app

# Fails here, not in production, when the build context is wrong; and compiles all that is compiled.
RUN chmod -R a+rX /app && chmod a+rx /app/image/run /app/image/tape && ln -s /app/image/tape /usr/local/bin/tape \
    && /app/image/run --compile \
    && useradd --uid 10001 --no-create-home tapewatch && mkdir -p /app/state && chown tapewatch /app/state

USER tapewatch
WORKDIR /app/${MAINAPPPATH}
ENTRYPOINT ["/app/image/run"]
