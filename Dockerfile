# Runs as an ordinary user on a read-only root: what is kept goes to /var/lib/switchboard.

FROM rust:1.95-slim-bookworm AS build
# The image's own toolchain: nothing more is fetched for rust-toolchain.toml.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin switchboard \
    && cp target/release/switchboard /usr/local/bin/switchboard

FROM debian:bookworm-slim
# The HTTP client needs a trust store even to start; curl asks for the gateway's health.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --home-dir /var/lib/switchboard switchboard
COPY --from=build /usr/local/bin/switchboard /usr/local/bin/switchboard
USER 10001
WORKDIR /var/lib/switchboard
VOLUME /var/lib/switchboard
EXPOSE 8080 9090
HEALTHCHECK --interval=5s --timeout=2s --start-period=10s --retries=3 \
    CMD ["curl", "--fail", "--silent", "--show-error", "--output", "/dev/null", "http://127.0.0.1:9090/health/ready"]
ENTRYPOINT ["switchboard"]
CMD ["serve", "--config", "/etc/switchboard/config.toml"]
