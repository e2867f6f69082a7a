# An image of the server: docker build -t plugboard . && docker run -p 8080:8080 plugboard
#
# The first stage builds the Debian package, the second installs it, and so has the libraries that the package
# depends on and nothing that builds. ./dev test image tries every step without a registry.

FROM debian:12-slim AS build
COPY . /src
WORKDIR /src
RUN ./dev package

FROM debian:12-slim
# By number, since orchestrators cannot know who a name is; the package keeps a user that is there.
RUN groupadd --system --gid 900 plugboard && \
    useradd --system --uid 900 --gid 900 --home-dir /nonexistent --shell /usr/sbin/nologin plugboard
RUN --mount=type=bind,from=build,source=/src/build/package,target=/packages \
    apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates /packages/plugboard_*.deb && \
    rm -rf /var/lib/apt/lists/*
# Listens to everybody; mount a file of your own in its place.
COPY etc/container.ini /etc/plugboard/plugboard.ini
USER 900:900
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /ready HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r -t 2 line <&3 && [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["/usr/bin/plugboard"]
CMD ["--config", "/etc/plugboard/plugboard.ini"]
