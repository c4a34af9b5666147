# syntax=docker/dockerfile:1
ARG PYTHON=3.12

FROM python:${PYTHON}-slim-bookworm AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY recommender recommender
COPY service service
RUN python -m venv /opt/kabin \
    && /opt/kabin/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM python:${PYTHON}-slim-bookworm
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 10001 -g 10001 /var/lib/kabin
COPY --from=build /opt/kabin /opt/kabin
ENV PATH=/opt/kabin/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    KABIN_HOST=0.0.0.0 \
    KABIN_DATA_DIR=/var/lib/kabin
# A number, so that an orchestrator can verify it is not root.
USER 10001:10001
WORKDIR /var/lib/kabin
VOLUME /var/lib/kabin
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('KABIN_PORT', '8000') + '/healthz', timeout=2)"]
ENTRYPOINT ["kabin"]
CMD ["serve"]
