# One image a service: docker build --build-arg SERVICE=auth .   (auth, registry, telemetry, otosense, sandbox, runtime)
# The topology's job: --build-arg SERVICE=runtime --build-arg MODULE=runtime.topology. Pin both bases by digest where your registry gives you one.
ARG PYTHON=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ARG SERVICE
WORKDIR /src
COPY requirements/ requirements/
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/ferry \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/bootstrap.txt \
 && /opt/build/bin/uv pip install --no-cache --python /opt/ferry/bin/python --compile-bytecode \
      --require-hashes -r "requirements/${SERVICE}.txt"
COPY libs/ libs/
COPY services/ services/
# Ours after theirs: a change of code leaves the layer of dependencies alone. A namespace is copied, not built.
RUN site="$(/opt/ferry/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
    case "${SERVICE}" in sandbox) ours="" ;; *) ours="libs/contract libs/runtime libs/clouds" ;; esac; \
    test "${SERVICE}" = runtime || ours="$ours services/${SERVICE}"; \
    for part in $ours; do cp -r "$part/src/." "$site/" || exit 1; done; \
    /opt/ferry/bin/python -m compileall -q "$site/ferry"

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
ENV PATH=/opt/ferry/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FERRY_MODULE="ferry.${MODULE}" \
    HOME=/tmp
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["/opt/ferry/bin/python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('FERRY_HEALTH__PORT', '8080') + '/livez', timeout=2)"]
ENTRYPOINT ["/opt/ferry/bin/python", "-c", "import os, runpy; runpy.run_module(os.environ['FERRY_MODULE'], run_name='__main__', alter_sys=True)"]
