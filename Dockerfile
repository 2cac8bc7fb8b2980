# The stages:
#
#   docker build -t tism .                           lint and tests; the image runs the QEMU matrix
#   docker run --rm --shm-size=1g tism               one emulated machine of each kind
#   docker run --rm --shm-size=1g tism --all         every one
#   docker build --target dist -o type=local,dest=dist .   the cross-built artifacts (needs BuildKit; else see docs/BOARDS.md)
#   docker build --target dev -t tism-dev .          a shell with every cross compiler
#   docker build --target tool -t tism-tool .        just the static tism, from scratch
#
# Nothing needs privileges, KVM or binfmt. Sources come last in each stage, so that a change
# of them fetches no packages, modules or kernels again. A builder without BuildKit builds
# every stage above the target, wanted or not: hence the order here, and give it
# "--target matrix" rather than no target.

ARG BASE=golang:1.26-bookworm

FROM ${BASE} AS modules
ARG GOPROXY
ARG GOSUMDB
ARG GONOSUMDB
ENV CGO_ENABLED=0
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download

# Versions come from git. A worktree's .git points out of the context: then there is none.
FROM modules AS source
COPY . .
RUN git rev-parse --quiet --verify HEAD >/dev/null || rm -rf .git

# The tool alone.
FROM source AS built
RUN go build -trimpath -ldflags='-s -w' -o /tism ./cmd/tism

FROM scratch AS tool
COPY --from=built /tism /tism
ENTRYPOINT ["/tism"]

# The emulators, and the kernels: fetched at build time, so that a run needs no network and
# is the same tomorrow. --build-arg KERNELS="arm64-16k rpi-armel" fetches these alone.
FROM modules AS emulators
RUN apt-get update -q && apt-get install -y -q --no-install-recommends \
      qemu-user-static qemu-system-arm qemu-system-misc debian-archive-keyring \
    && rm -rf /var/lib/apt/lists/*
ENV TISM_QEMU_CACHE=/kernels
COPY cross/boards cross/boards
COPY internal internal
COPY hwtest/qemu hwtest/qemu
ARG KERNELS
RUN go run ./hwtest/qemu kernels --some $KERNELS

# Lint and tests, then the matrix ready to run. The cache of what was built for tests stays out.
FROM emulators AS matrix
COPY --from=source /src ./
RUN out=$(gofmt -l .) && if [ -n "$out" ]; then echo "gofmt would change: $out"; exit 1; fi \
    && go vet ./... && go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./... \
    # codec's topics in memory: on fuse-overlayfs a deleted file that is open kept its link count.
    && go test -short $(go list ./... | grep -v '/codec$') && go test -short -exec 'env GOTMPDIR=/dev/shm' ./codec \
    && go build -o /usr/local/bin/tism-qemu ./hwtest/qemu \
    && go clean -cache -testcache
ENTRYPOINT ["tism-qemu", "--logs", "/tmp/logs"]

# Every cross compiler.
FROM modules AS compilers
RUN apt-get update -q && apt-get install -y -q --no-install-recommends \
      gcc g++ libc6-dev make cmake pkg-config python3 python3-dev python3-setuptools python3-wheel git \
      gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross \
      gcc-arm-linux-gnueabi libc6-dev-armel-cross gcc-riscv64-linux-gnu libc6-dev-riscv64-cross \
      gcc-i686-linux-gnu libc6-dev-i386-cross \
    && rm -rf /var/lib/apt/lists/*

FROM compilers AS dev
COPY --from=source /src ./
CMD ["bash"]

FROM compilers AS dist-built
COPY --from=source /src ./
# --build-arg BOARDS="pi5 pi-zero" builds for these alone.
ARG BOARDS=--all
RUN go run ./cross build $BOARDS -o /dist

FROM scratch AS dist
COPY --from=dist-built /dist /

# What is built when no target is named.
FROM matrix
