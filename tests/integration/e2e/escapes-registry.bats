#!/usr/bin/env bats
# A hostile registry (tests/hostile/registry, tests/escapes.md): credentials, downgrades, answers and layers that never end.
load support
load escapes

setup_file() {
  setup_hostile
  export REGISTRY=$WORLD/registry
  mkdir -p "$REGISTRY" "$XDG_CONFIG_HOME/wolffia" "$HOME/.docker"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$REGISTRY/key.pem" -out "$REGISTRY/cert.pem" 2>/dev/null
  "$SOURCE_DIR/tests/hostile/registry" "$REGISTRY" 2>"$WORLD/registry.errors" 3>&- &
  export REGISTRY_PID=$!
  eventually test -e "$REGISTRY/other"
  TLS=localhost:$(cat "$REGISTRY/tls")
  HTTP=localhost:$(cat "$REGISTRY/http")
  export TLS HTTP
  printf '[[registry]]\nprefix = "%s"\nca_file = "%s"\n' "$TLS" "$REGISTRY/cert.pem" >"$XDG_CONFIG_HOME/wolffia/wolffia.toml"
  local auth
  auth=$(printf 'tester:%s' "$CANARY" | base64)
  printf '{"auths":{"%s":{"auth":"%s"},"%s":{"auth":"%s"}}}' "$TLS" "$auth" "$HTTP" "$auth" >"$HOME/.docker/config.json"
}
teardown_file() { kill "$REGISTRY_PID"; }
teardown() {
  assert_outside
  assert_clean
}

pull() { : >"$REGISTRY/log"; run timeout 60 wolffia pull -q "$@"; }
# refused: the pull failed with a sentence, in time, and without showing the password.
refused() {
  assert_status 125
  assert_output_has "Error: "
  [[ $output != *"$(printf 'tester:%s' "$CANARY" | base64)"* ]]
}

@test "credentials go to their registry, by TLS" {
  pull "$TLS/plain"
  refused  # its layer is not what its config says
  grep -q "^tls /v2/plain/blobs/.* Basic " "$REGISTRY/log"
  ! grep -v "^tls " "$REGISTRY/log"
}

@test "a registry that redirects to plain http is refused, and nobody is asked there" {
  pull "$TLS/redirect-other"
  refused
  assert_output_has "redirects from https to plain http"
  grep -q "^tls /v2/redirect-other/blobs/" "$REGISTRY/log"
  ! grep "^other " "$REGISTRY/log"
}

@test "a token service by plain http gets neither credentials nor a question" {
  pull "$TLS/realm"
  refused
  grep -q "^tls /v2/realm/" "$REGISTRY/log"
  ! grep "^other " "$REGISTRY/log"
}

@test "a registry of plain http is not asked unless it was allowed; where it redirects to gets no credentials" {
  pull "$HTTP/plain"
  refused
  [ ! -s "$REGISTRY/log" ]
  pull --tls-verify=false "$HTTP/redirect-other"
  refused
  grep -q "^http .* Basic " "$REGISTRY/log"
  grep -q "^other /v2/redirect-other/blobs/" "$REGISTRY/log"
  ! grep "^other .* Basic" "$REGISTRY/log"
}

@test "JSON bombs and answers that never end" {
  local name
  for name in manifest-endless manifest-deep manifest-wide blob-endless; do
    pull "$TLS/$name"
    refused
  done
  image bombs '{}' ''
  for name in "'[' * 3000000" "'{\"a\":' * 100000 + '1' + '}' * 100000" "'[' + '{},' * 1000000 + '{}]'" "'\"' + '\\\\\\\\u0041' * 1000000 + '\"'"; do
    python3 -c "print('{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":' + $name + '}')" >"$WORLD/bomb.json"
    rm -rf "$WORLD/bomb"
    "$SOURCE_DIR/scripts/oci-layout" "$WORLD/bomb" "$(echo '{}')" "$WORLD/programs.tar"
    python3 - "$WORLD/bomb" "$WORLD/bomb.json" <<'P'
import hashlib, json, sys
layout, config = sys.argv[1:]
name = lambda data: hashlib.sha256(data).hexdigest()
index = json.load(open(layout + "/index.json"))
blob = lambda digest: layout + "/blobs/sha256/" + digest[7:]
manifest = json.load(open(blob(index["manifests"][0]["digest"])))
for entry, data in (manifest["config"], open(config, "rb").read()), (index["manifests"][0], None):
    data = data or json.dumps(manifest).encode()
    entry["digest"], entry["size"] = "sha256:" + name(data), len(data)
    open(blob(entry["digest"]), "wb").write(data)
json.dump(index, open(layout + "/index.json", "w"))
P
    run timeout 60 wolffia pull -q "oci:$WORLD/bomb:latest"
    refused
  done
}

@test "tar bombs: sizes that are lies, headers without end, entries without number" {
  local code n=0
  export WOLFFIA_PULL_MAX_LAYER_SIZE=50MiB
  while IFS= read -r code; do
    n=$((n + 1))
    layer "$WORLD/bomb.tar" "$code"
    rm -rf "$WORLD/bomb"
    GZIP_LEVEL=-1 "$SOURCE_DIR/scripts/oci-layout" "$WORLD/bomb" '{}' "$WORLD/bomb.tar"
    run timeout 60 wolffia pull -q "oci:$WORLD/bomb:latest"
    refused
  done <<'T'
entry("zeros", bytes(60 << 20))
entry("x", b"", pax_headers={"size": "9223372036854775807"})
entry("x", b"", pax_headers={"size": "-1"})
entry("x", b"", pax_headers={"comment": "x" * (20 << 20)})
entry("x", b"", pax_headers={"SCHILY.xattr.user." + str(n): "v" * 60000 for n in range(200)})
entry("d/" * 3000 + "f")
archive.fileobj.write(b"\0" * 100 + b"7" * 412)
T
  # Holes cost nothing, and are shown as what they are.
  image sparse '{}' 'entry("hole", b"1\n0\n0\n" + bytes(506), pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "hole", "GNU.sparse.realsize": str(1 << 40)})'
  [ "$(du -sm "$STORE" | cut -f1)" -lt 200 ]
}
