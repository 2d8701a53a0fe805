# One image per service: docker build --build-arg SERVICE=auth .   (auth, registry, telemetry, otosense, sandbox, client)
# SERVICE=client is the `ferry` command, which is also the topology job: scripts/build_images.py has the list. Pin both base images by digest. It builds for amd64 and arm64: every wheel is there for both.
ARG PYTHON=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ARG SERVICE
ARG VERSION=0.1.0
WORKDIR /src
COPY requirements/ requirements/
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/ferry \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/bootstrap.txt \
 && /opt/build/bin/uv pip install --no-cache --python /opt/ferry/bin/python --compile-bytecode \
      --require-hashes -r "requirements/${SERVICE}.txt"
COPY libs/ libs/
COPY services/ services/
COPY examples/ examples/
# Our code after the dependencies, so that a change of code keeps their layer. A namespace is copied, not built.
RUN site="$(/opt/ferry/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
    case "${SERVICE}" in \
      sandbox) ours="services/sandbox" ;; \
      client) ours="libs/contract libs/bus libs/client" ;; \
      *) ours="libs/contract libs/bus libs/runtime libs/clouds services/${SERVICE}" ;; \
    esac; \
    for part in $ours; do cp -r "$part/src/." "$site/" || exit 1; done; \
    /opt/ferry/bin/python -m compileall -q "$site/ferry"; \
    if [ "${SERVICE}" = client ]; then \
      mkdir -p "$site/ferry_client-${VERSION}.dist-info" /opt/ferry/share/ferry \
      && printf 'Metadata-Version: 2.1\nName: ferry-client\nVersion: %s\n' "${VERSION}" >"$site/ferry_client-${VERSION}.dist-info/METADATA" \
      && cp -r examples /opt/ferry/share/ferry/; \
    fi

FROM ${PYTHON}
ARG SERVICE
ARG MODULE=${SERVICE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ferry-${SERVICE}" \
      org.opencontainers.image.description="Carries what sensors say from a NATS bus to two IoT clouds, and loses none of it." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/ferry /opt/ferry
COPY LICENSE /usr/share/doc/ferry/LICENSE
# Initial content of the sandbox's volume: a folder that its user can write.
RUN install -d -o 65532 -g 65532 /state
ENV PATH=/opt/ferry/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FERRY_MODULE="ferry.${MODULE}" \
    HOME=/tmp
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["/opt/ferry/bin/python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('FERRY_HEALTH__PORT', '8080') + '/readyz', timeout=2)"]
ENTRYPOINT ["/opt/ferry/bin/python", "-c", "import os, runpy; runpy.run_module(os.environ['FERRY_MODULE'], run_name='__main__', alter_sys=True)"]
