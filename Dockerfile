# One node. What it keeps is in PostgreSQL; /data holds its lock and, without DATABASE_URL, its own database.
FROM python:3.13-slim AS build
WORKDIR /src
RUN pip install --no-cache-dir "uv>=0.9"
ENV UV_LINK_MODE=copy UV_PROJECT_ENVIRONMENT=/opt/interlink
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --no-install-project
COPY . .
# Builds the web bundle too, with the Node.js that the build requires from the registry.
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.13-slim
RUN useradd --system --uid 10001 interlink && install -d -o interlink /data
COPY --from=build /opt/interlink /opt/interlink
ENV PATH=/opt/interlink/bin:$PATH HOST=0.0.0.0 PORT=8000 DATA_DIR=/data PYTHONUNBUFFERED=1
USER interlink
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["interlink", "serve"]
