# The CDS Hooks service. Build: docker build -t cds-service .
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE NOTICE ./
RUN python -m venv /opt/cds && /opt/cds/bin/pip install --quiet --require-hashes --requirement requirements.lock
COPY cds_service ./cds_service
COPY mappings ./mappings
RUN /opt/cds/bin/pip install --quiet --no-build-isolation --no-deps .

FROM python:3.11-slim
RUN useradd --system --create-home cds
COPY --from=build /opt/cds /opt/cds
USER cds
ENV PATH=/opt/cds/bin:$PATH PYTHONUNBUFFERED=1
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
# Loopback is the only address the service takes while no trusted clients are configured.
ENTRYPOINT ["cds-service"]
CMD ["serve", "--host", "127.0.0.1", "--port", "8000"]
