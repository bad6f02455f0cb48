# Attune as a container: `docker build -t attune .`, then `docker run attune serve --help`.
# What is installed is what deploy/requirements.lock says, hashes checked; `make lock` writes it.
FROM python:3.12-slim-bookworm AS packages
COPY deploy/requirements.lock /tmp/requirements.lock
RUN python -m venv /opt/attune \
    && /opt/attune/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --no-deps --requirement /tmp/requirements.lock

FROM python:3.12-bookworm AS native
COPY --from=packages /opt/attune /opt/attune
COPY engine/native /source/engine/native
COPY tools/native.py /source/tools/native.py
RUN /opt/attune/bin/python /source/tools/native.py --required

FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin attune \
    && install --directory --owner attune --group attune --mode 0700 /var/lib/attune
COPY --from=packages /opt/attune /opt/attune
COPY engine /opt/attune/source/engine
COPY --from=native /source/engine/native/*.so /opt/attune/source/engine/native/
COPY rules /etc/attune/rules
ENV PATH=/opt/attune/bin:$PATH \
    PYTHONPATH=/opt/attune/source \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN python -m compileall -q /opt/attune/source
USER 10001:10001
WORKDIR /tmp
VOLUME /var/lib/attune
EXPOSE 50051 9100
ENTRYPOINT ["python", "-m", "engine"]
CMD ["serve", "--listen", "0.0.0.0:50051", "--metrics", "0.0.0.0:9100", "--rules", "/etc/attune/rules/telecom", "--data", "/var/lib/attune"]
