# dp-train in a container. The stages use the same scripts as a person does.
#
#     docker build -t dp-train .                    # the runtime image
#     docker build --target test .                  # builds and runs all tests
#     docker build --target cluster -t dp-train-cluster .     # with ssh, for Launch/mpijob.yaml
#     docker run --rm dp-train                      # one rank, synthetic set
#     docker run --rm dp-train mpirun -np 4 dp-train --epochs 2
#     docker run --rm -v "$PWD/data:/home/trainer/data:ro" -v "$PWD/runs:/home/trainer/runs" dp-train

ARG SWIFT_VERSION=6.3
ARG DEBIAN_RELEASE=bookworm

# --- Build ---
FROM swift:${SWIFT_VERSION}-${DEBIAN_RELEASE} AS build
WORKDIR /package
# Packages and dependencies first: a change of our own sources leaves these layers as they are.
COPY Launch Launch
RUN Launch/setup build && rm -rf /var/lib/apt/lists/*
COPY Package.swift ./
RUN swift package resolve
COPY . .
RUN swift build -c release

# --- Test: only built when asked for ---
FROM build AS test
RUN Launch/test

# --- Runtime ---
FROM swift:${SWIFT_VERSION}-${DEBIAN_RELEASE}-slim AS runtime
COPY Launch/common.sh Launch/setup /opt/dp-train/Launch/
RUN /opt/dp-train/Launch/setup runtime && rm -rf /var/lib/apt/lists/* /opt/dp-train
COPY --from=build /package/.build/release/dp-train /package/.build/release/dp-train-benchmark /usr/local/bin/
RUN useradd --create-home --shell /bin/bash trainer \
    && install --directory --owner=trainer --group=trainer /home/trainer/data /home/trainer/runs
USER trainer
WORKDIR /home/trainer
# More ranks than cores are as welcome as fewer. Copies through another process's memory (CMA) need a capability
# that containers lack: without them Open MPI copies through shared memory, and prints no warnings.
ENV OMPI_MCA_rmaps_base_oversubscribe=1 \
    OMPI_MCA_btl_vader_single_copy_mechanism=none
CMD ["dp-train"]

# --- For Launch/mpijob.yaml: with ssh between the pods, as the MPI Operator wants it, all of it the user trainer's ---
FROM runtime AS cluster
USER root
# The operator mounts keys that all pods share, and that belong to root.
RUN apt-get update && apt-get install --yes --no-install-recommends openssh-server openssh-client \
    && rm -rf /var/lib/apt/lists/* && mkdir -p /run/sshd \
    && printf 'Host *\n    Port 2222\n    StrictHostKeyChecking no\n    UserKnownHostsFile /dev/null\n    LogLevel ERROR\n' \
        >/etc/ssh/ssh_config.d/dp-train.conf \
    && printf 'Port 2222\nPidFile /home/trainer/sshd.pid\nHostKey /home/trainer/.ssh/id_rsa\nStrictModes no\n' \
        >/home/trainer/.sshd_config
USER trainer

# --- What is built if nothing else is asked for ---
FROM runtime
