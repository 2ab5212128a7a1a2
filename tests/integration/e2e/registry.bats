#!/usr/bin/env bats
# A real registry (Debian's docker-registry, TLS, htpasswd), a real Debian image (mmdebstrap), real work in it.
load support

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  LAYOUT=$(debian_layout)
  export LAYOUT
  start_registry
  push "$LAYOUT" debian:12
  wolffia pull -q "$REGISTRY/debian:12" >"$WORLD/id"
}
teardown_file() { stop_registry; }
teardown() { assert_clean; }

debian() { wolffia run --rm "$@"; }

@test "the image is there, verified, and pulled once" {
  run -0 wolffia images --format '{{.Repository}}:{{.Tag}}'
  assert_output_is "$REGISTRY/debian:12"
  run -0 wolffia inspect --format '{{.Id}}' "$REGISTRY/debian:12"
  assert_output_is "$(cat "$WORLD/id")"
  run -0 wolffia system check
  before=$(find "$STORE/blobs" -newer "$WORLD/id" | wc -l)
  run -0 wolffia pull -q "$REGISTRY/debian:12"
  assert_output_is "$(cat "$WORLD/id")"
  [ "$(find "$STORE/blobs" -newer "$WORLD/id" | wc -l)" = "$before" ]
}

@test "apt-get install of a local package, and it runs" {
  run -0 debian -v "$LAYOUT/debs:/debs:ro" "$REGISTRY/debian:12" sh -ec 'apt-get install -y /debs/hello_*.deb >/dev/null 2>&1; hello; dpkg -s hello | grep ^Status'
  assert_output_has "Hello, world!"
  assert_output_has "install ok installed"
}

@test "gcc compiles, the program runs" {
  run -0 debian -i "$REGISTRY/debian:12" sh -ec 'cat >/tmp/a.c; gcc -O2 -o /usr/local/bin/a /tmp/a.c; a' <<'C'
#include <stdio.h>
int main(void) { puts("compiled inside"); return 0; }
C
  assert_output_is "compiled inside"
}

@test "python runs" {
  run -0 debian "$REGISTRY/debian:12" python3 -c 'import json, os; print(json.dumps({"pid": os.getpid(), "uid": os.getuid()}))'
  assert_output_is '{"pid": 1, "uid": 0}'
}

@test "git init, clone, commit, and rm -rf of the clone" {
  run -0 debian "$REGISTRY/debian:12" bash -ec '
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
    cp -a /usr/share/perl5 /src; cd /src; git init -q .; git add -A; git commit -qm first
    git clone -q /src /clone; cd /clone; echo x >> new; git add new; git commit -qm second; git log --oneline | wc -l
    cd /; rm -rf /clone /src; ls -d /clone /src 2>/dev/null | wc -l'
  assert_output_is $'2\n0'
}

@test "rm -rf of lower directories, rename, whiteouts, and files of many owners" {
  run -0 debian "$REGISTRY/debian:12" bash -ec '
    rm -rf /usr/share/doc /usr/lib/python3.11; ls /usr/share/doc 2>&1 | grep -c "No such"
    mkdir /usr/share/doc; ls -A /usr/share/doc | wc -l
    mv /etc/debian_version /etc/moved; cat /etc/moved | wc -l
    mkdir -m 1777 /shared; for u in daemon man www-data nobody; do setpriv --reuid $u --regid nogroup --clear-groups touch /shared/$u; done
    stat -c %U /shared/*'
  assert_output_is $'1\n0\n1\ndaemon\nman\nnobody\nwww-data'
}

@test "another user inside: id, touch, no rights on root's files" {
  run -0 debian -u www-data "$REGISTRY/debian:12" bash -c 'id -un; touch /tmp/f && stat -c %U /tmp/f; touch /etc/f 2>/dev/null || echo refused; cat /etc/shadow 2>/dev/null || echo refused'
  assert_output_is $'www-data\nwww-data\nrefused\nrefused'
}

@test "single-id mode: as far as one id goes" {
  run -0 --separate-stderr wolffia run --rm --uidmap 0:0:1 --gidmap 0:0:1 "$REGISTRY/debian:12" bash -ec '
    id -u; touch /tmp/f; stat -c %u /etc/passwd; rm -rf /usr/share/doc; echo "int main(){return 0;}" > /tmp/a.c; gcc -o /tmp/a /tmp/a.c; /tmp/a; python3 -c "print(1)"
    git init -q /r; cd /r; cp -r /usr/share/perl5 .; git add -A; git -c user.name=a -c user.email=a@b commit -qm x; cd /; rm -rf /r; echo end; cat /proc/self/uid_map | wc -l; chown 5:5 /tmp/f 2>/dev/null || echo no other id'
  assert_output_is $'0\n0\n1\nend\n1\nno other id'
}

@test "a wrong password, a wrong certificate, a missing image: clear errors" {
  run -125 wolffia pull --creds tester:wrong "$REGISTRY/debian:12-x"
  assert_output_has nauthorized
  run -125 wolffia pull "$REGISTRY/no/such:image"
  assert_output_has "no/such:image"
  mv "$XDG_CONFIG_HOME/wolffia/wolffia.toml" "$WORLD/saved.toml"
  run -125 wolffia pull "$REGISTRY/debian:other"
  assert_output_has certificate
  mv "$WORLD/saved.toml" "$XDG_CONFIG_HOME/wolffia/wolffia.toml"
}

@test "kill -9 in the middle of a pull, and the same command again" {
  local d i pid
  for d in 0.02 0.05 0.1 0.2 0.4; do
    fresh_home "$BATS_TEST_TMPDIR/kill$d"
    mkdir -p "$XDG_CONFIG_HOME/wolffia" "$HOME/.docker"
    cp "$BATS_FILE_TMPDIR/w/config/wolffia/wolffia.toml" "$XDG_CONFIG_HOME/wolffia/"
    cp "$BATS_FILE_TMPDIR/w/home/.docker/config.json" "$HOME/.docker/"
    wolffia pull -q "$REGISTRY/debian:12" >/dev/null 2>&1 3>&- &
    pid=$!
    sleep "$d"
    kill -9 $pid 2>/dev/null || true  # on a fast machine it may have ended
    wait $pid || true
    run wolffia images -q
    run -0 wolffia pull -q "$REGISTRY/debian:12"
    run -0 wolffia system check
    assert_clean
  done
}

@test "rmi takes everything away" {
  run -0 wolffia rmi "$REGISTRY/debian:12"
  [ -z "$(ls -A "$STORE/blobs/sha256" "$STORE/index" 2>/dev/null | grep -v :)" ] || fail "$(ls -AR "$STORE/blobs" "$STORE/index")"
  run -0 wolffia images -q
  assert_output_is ""
}
