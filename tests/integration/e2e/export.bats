#!/usr/bin/env bats
# `export` and `import`: a container's tree through a tar and back, changes of the configuration, sources and errors.
load support

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
setup() { cd "$BATS_TEST_TMPDIR"; }
teardown() {
  wolffia rm -af >/dev/null
  assert_clean
}

# What tar knows of a tree, but for what is mounted over.
tar_listing() { tar tvf "$1" --numeric-owner --full-time | grep -vE ' (dev|proc|sys|run|tmp|etc)/|\.(containerenv)$' | sort -k6; }

@test "export | import | run gives the same tree" {
  local upper
  for upper in kernel fuse; do
    wolffia create --name c --network=none --storage-opt upper=$upper busybox sh -c '
      mkdir -p /t/sub; echo x >/t/f; ln /t/f /t/hard; ln -s f /t/link; mkfifo /t/fifo; chown 5:7 /t/f; chmod 4755 /t/f
      chmod 1777 /t/sub; touch -d "2001-02-03 04:05:06" /t/f; rm /bin/ash; head -c 3000000 /dev/urandom >/t/random
      touch "/t/$(printf "a\nb")" /t/$(printf "n%.0s" $(seq 150))' >/dev/null
    wolffia start -a c
    wolffia export -o first.tar c
    run -0 bash -c "wolffia export c | wolffia import -q -c 'CMD [\"sh\"]' - copy:$upper"
    [[ "$output" = sha256:* && ${#output} = 71 ]]
    wolffia create --name d --network=none --storage-opt upper=$upper copy:$upper true >/dev/null
    wolffia export -o second.tar d
    diff <(tar_listing first.tar) <(tar_listing second.tar)
    [ "$(tar xOf first.tar t/random | sha256sum)" = "$(tar xOf second.tar t/random | sha256sum)" ]
    run -0 wolffia run --rm --network=none copy:$upper sh -c 'stat -c "%u:%g %a %h %Y" /t/hard; ls /bin/ash 2>/dev/null || readlink /t/link'
    [ "${lines[0]}" = "5:7 4755 2 981173106" ]
    [ "${lines[1]}" = f ]
    wolffia rm c d >/dev/null
    rm ./*.tar
  done
  wolffia rmi copy:kernel copy:fuse >/dev/null
}

@test "export: running too, without mounts and secrets of the mounts, equal for equal trees" {
  mkdir vol; echo volume >vol/x
  wolffia run -d --network=none --name c -v "$PWD/vol:/vol" --tmpfs /scratch busybox sh -c 'echo x >/scratch/x; sleep 1000' >/dev/null
  wolffia export c >a.tar
  wolffia export -o b.tar c
  cmp a.tar b.tar
  run -0 tar tf a.tar
  assert_output_has vol/
  [[ "$output" != *vol/x* && "$output" != *scratch/x* && "$output" != *proc/1* ]]
  wolffia container export c | tar t >/dev/null
}

@test "export: errors leave nothing" {
  wolffia create --network=none --name c busybox true >/dev/null
  run -125 wolffia export nope
  assert_output_has 'no container with name or ID "nope" found: no such container'
  run -125 wolffia export -o nodir/e.tar c
  assert_output_has 'creating file "nodir/e.tar"'
  run -125 script -qec 'wolffia export c' /dev/null
  assert_output_has "refusing to export to terminal. Use -o flag or redirect"
  run -125 wolffia export -o /dev/full c
  assert_output_has "No space left on device"
  run bash -c 'wolffia export c | head -c 1000 | wc -c'
  assert_output_is 1000
  [ -z "$(ls -A)" ]
}

@test "import: names, changes, message, platform" {
  mkdir root; echo hi >root/file
  tar cf x.tar -C root .
  run -0 wolffia import x.tar named
  [ "$(wolffia images --format '{{.Repository}}:{{.Tag}}' named)" = localhost/named:latest ]
  run -0 wolffia import -q -m 'my words' --arch arm64 --variant v8 -c 'ENTRYPOINT ["/file"]' -c 'CMD echo hi' -c 'ENV a=b c="d e"' \
    -c EXPOSE=80 -c 'LABEL k=v' -c 'USER 5' -c 'WORKDIR /w' -c 'VOLUME /v' -c 'STOPSIGNAL KILL' x.tar reg.example/changed:1
  run -0 wolffia inspect --format '{{json .Config}} {{.Architecture}}' reg.example/changed:1
  for part in '"Entrypoint":["/file"]' '"Cmd":["/bin/sh","-c","echo hi"]' '"a=b","c=d e"' '"80/tcp":{}' '"k":"v"' '"User":"5"' '"/w"' '"/v":{}' arm64; do
    assert_output_has "$part"
  done
  run -0 bash -c 'gzip <x.tar | wolffia import - ; zstd -q <x.tar | wolffia import -'
  [ "${#lines[@]}" = 2 ]
  wolffia system check
  wolffia rmi -f $(wolffia images -q | sort -u) >/dev/null || true
}

@test "import: what is no archive, or not there" {
  echo "no tar at all" >text
  check() { run -125 wolffia import "${@:2}"; assert_output_has "$1"; }
  check "nope.tar: No such file" nope.tar
  check "text" text
  check "is a directory" .
  check "the archive is empty" - </dev/null
  check "tar ends in the middle of an entry" - < <(tar c -C /etc passwd | head -c 700)
  check 'invalid change "BAD x" - invalid instruction BAD' -c 'BAD x' text
  check "a new name cannot have a digest" text "x@sha256:$(printf '0%.0s' $(seq 64))"
  check "must be lower-case" text 'Bad Name'
  check "downloading http://127.0.0.1:1/x" http://127.0.0.1:1/x
  tar cJf x.tar.xz text
  check "xz or bzip2" x.tar.xz
  wolffia system check
}

@test "import from a web server" {
  mkdir web; tar cf web/x.tar -C /etc passwd
  (cd web && exec python3 -m http.server --bind 127.0.0.1 0 >../log 2>&1 3>&-) &
  local server=$! port
  eventually grep -q "port [0-9]" log
  port=$(grep -o "port [0-9]*" log | cut -d" " -f2)
  run -0 --separate-stderr wolffia import "http://127.0.0.1:$port/x.tar" fromweb
  [[ "$output" = sha256:* ]]
  [[ "$stderr" = *"Downloading from \"http://127.0.0.1:$port/x.tar\""* ]]
  run -125 wolffia import -q "http://127.0.0.1:$port/nope.tar"
  assert_output_has "status 404"
  kill $server
  wolffia rmi fromweb >/dev/null
}
