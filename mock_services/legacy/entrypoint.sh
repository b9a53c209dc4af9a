#!/bin/sh
# Lays a legacy host out as its baseline and hands over to the supervisor. After a restart everything that was deployed
# or rotated by hand is gone and the baseline is back.
#
# /layout  what every host gets: sshd_config, authorized_keys, topology.json, healthy, version
# /host    what this host runs: services ("name port health-port", a line each)
# /secrets this host's key for sshd, its services' keys, certificates and credentials, the CA's certificate
set -eu
umask 022

install -d -m 0755 /run/sshd /etc/pov /opt/pov
install -d -m 0700 /root/.ssh
install -m 0600 /secrets/host_key /etc/ssh/pov_host_key
install -m 0644 /layout/sshd_config /etc/ssh/pov_sshd_config
install -m 0600 /layout/authorized_keys /root/.ssh/authorized_keys
install -m 0644 /layout/topology.json /etc/pov/topology.json
install -m 0755 /layout/healthy /usr/local/bin/healthy
# sshd takes a password of `!` for a locked account, also when only keys are allowed.
sed -i 's/^root:!*[^:]*:/root:*:/' /etc/shadow

version=$(cat /layout/version)
while read -r name port health; do
    [ -n "$name" ] || continue
    release=/opt/pov/$name/releases/$version
    install -d -m 0755 "$release" "/etc/service/$name"
    ln -sfn /usr/local/bin/pov-mock "$release/pov-mock"
    printf '%s\n' "$version" >"$release/release"
    ln -sfn "releases/$version" "/opt/pov/$name/current"

    certs=/etc/pov/certs/$name
    install -d -m 0755 "$certs"
    install -m 0644 /secrets/ca.crt "$certs/ca.crt"
    install -m 0644 "/secrets/$name.crt" "$certs/tls.crt"
    install -m 0400 -o 65532 -g 65532 "/secrets/$name.key" "$certs/tls.key"

    # Services under proof have a credential, which they read when they start.
    credential=
    if [ -e "/secrets/$name.credential" ]; then
        install -d -m 0755 /etc/pov/credentials
        install -m 0400 -o 65532 -g 65532 "/secrets/$name.credential" "/etc/pov/credentials/$name"
        credential="--credential /etc/pov/credentials/$name"
    fi

    cat >"/etc/service/$name/run.new" <<RUN
#!/bin/sh
exec 2>&1
cd /opt/pov/$name/current
exec chpst -u :65532:65532 ./pov-mock service --name $name --namespace legacy --topology /etc/pov/topology.json \
    --certs $certs --listen :$port --health 127.0.0.1:$health --release /opt/pov/$name/current/release --drain 0s --reload=false $credential
RUN
    chmod 0755 "/etc/service/$name/run.new"
    mv "/etc/service/$name/run.new" "/etc/service/$name/run"
done </host/services

touch /run/laid-out
exec runsvdir -P /etc/service
