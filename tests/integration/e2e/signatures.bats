#!/usr/bin/env bats
# Signature policies (wolffia-policy.toml(5)) against a real registry: signatures by skopeo and gpg, and as cosign lays
# them down (sign.py: Debian has no cosign, and its skopeo has signing by such keys disabled); and every way in which one
# can be wrong.
load support

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  start_registry
  export KEYS=$WORLD/keys SIGS=$WORLD/sigs POLICY=$XDG_CONFIG_HOME/wolffia/policy.toml
  export GNUPGHOME=$WORLD/gnupg ARCHIVE=$WOLFFIA_BIN_DIR/../share/wolffia/busybox.tar
  mkdir -p "$KEYS" "$SIGS" "$WORLD/registries.d"
  mkdir -m 0700 "$GNUPGHOME"
  openssl ecparam -name prime256v1 -genkey -noout -out "$KEYS/p256.key"
  openssl ecparam -name secp384r1 -genkey -noout -out "$KEYS/p384.key"
  openssl ecparam -name prime256v1 -genkey -noout -out "$KEYS/other.key"
  openssl genpkey -algorithm ed25519 -out "$KEYS/ed.key"
  local key
  for key in p256 p384 other ed; do openssl pkey -in "$KEYS/$key.key" -pubout -out "$KEYS/$key.pub"; done
  printf 'docker:\n  %s:\n    lookaside: file://%s\n    lookaside-staging: file://%s\n' \
    "$REGISTRY" "$SIGS" "$SIGS" >"$WORLD/registries.d/test.yaml"
  put unsigned:1
  wolffia pull -q "$REGISTRY/unsigned:1" >"$WORLD/id"
  DIGEST=$(wolffia inspect --format '{{.Digest}}' "$REGISTRY/unsigned:1")
  ARCHITECTURE=$(wolffia inspect --format '{{.Architecture}}' "$REGISTRY/unsigned:1")
  export DIGEST ARCHITECTURE
}
teardown_file() {
  stop_registry
  gpgconf --kill all
}
setup() { rm -f "$POLICY"; }
teardown() {
  rm -f "$POLICY"
  wolffia rmi -fa >/dev/null
  assert_clean
}

# put NAME [SKOPEO-FLAGS]: the built-in image as NAME in the registry.
put() {
  local name=$1
  shift
  skopeo --insecure-policy --registries.d "$WORLD/registries.d" copy -q --dest-creds tester:secret --dest-cert-dir "$CERTS" \
    --preserve-digests "$@" "oci-archive:$ARCHIVE" "docker://$REGISTRY/$name"
}
# sign REPOSITORY FLAGS: a signature of the built-in image's manifest, as cosign attaches it.
sign() { "$BATS_TEST_DIRNAME/sign.py" "$REGISTRY" "$1" "$DIGEST" "${@:2}"; }
# wants SCOPE TYPE KEY [LINE]: the user's policy is one rule.
wants() { printf '[[rule]]\nscope = "%s"\n[[rule.require]]\ntype = "%s"\nkeys = ["%s"]\n%s\n' "$1" "$2" "$3" "${4:-}" >"$POLICY"; }
sigstore() { wants "$REGISTRY/$1" sigstore "$KEYS/$2.pub" 'identity = "matchRepository"'; }
gpg_rule() { wants "$REGISTRY/$1" gpg "$1.asc" "lookaside = \"$SIGS\""; }

# refused NAME REASON: the pull fails with the rule, its place and the reason, and nothing has the name.
refused() {
  run wolffia pull -q "$REGISTRY/$1"
  assert_status 125
  assert_output_has "signature policy: rule \"$REGISTRY/${1%:*}\" of $POLICY:1 wants a"
  assert_output_has "$2"
  run -0 wolffia images -q
  assert_output_is ""
}

@test "without a policy everything is accepted, and inspect says where it came from" {
  run -0 wolffia pull -q "$REGISTRY/unsigned:1"
  run -0 wolffia inspect --format '{{range .SignaturePolicy}}{{.Source}} {{len .Rules}}{{end}}' "$REGISTRY/unsigned:1"
  assert_output_is "docker://$REGISTRY/unsigned:1 0"
  run -0 wolffia images --verify --noheading
  assert_output_has accepted
}

@test "accept and reject: the longest scope decides, before the registry is asked" {
  printf 'default = "reject"\n[[rule]]\nscope = "%s"\nanswer = "accept"\n[[rule]]\nscope = "%s/un"\nanswer = "reject"\n' \
    "$REGISTRY" "$REGISTRY" >"$POLICY"
  run -0 wolffia pull -q "$REGISTRY/unsigned:1"
  run wolffia pull -q "$REGISTRY/un/signed:1"
  assert_status 125
  assert_output_has "the signature policy rejects docker://$REGISTRY/un/signed:1: rule \"$REGISTRY/un\" of $POLICY:5"
  run wolffia pull -q nowhere.invalid/x:1
  assert_status 125
  assert_output_has "the signature policy rejects docker://nowhere.invalid/x:1: default of $POLICY:1"
  printf 'default = "rejected"\n' >"$POLICY"
  run wolffia pull -q "$REGISTRY/unsigned:1"
  assert_status 125
  assert_output_has "$POLICY:1:"
}

@test "cosign's signature beside the image, by P-256, P-384 and ed25519 keys" {
  for key in p256 p384 ed; do
    put "$key:1"
    sign "$key" --key "$KEYS/$key.key"
    sigstore "$key" "$key"
    run -0 wolffia pull -q "$REGISTRY/$key:1"
    assert_output_is "$(cat "$WORLD/id")"
    run -0 wolffia inspect --format '{{range .SignaturePolicy}}{{range .Keys}}{{.}}{{end}}{{end}}' "$REGISTRY/$key:1"
    assert_output_is "sigstore SHA256:$(openssl pkey -pubin -in "$KEYS/$key.pub" -outform DER | sha256sum | cut -d' ' -f1)"
    run -0 wolffia images --verify --noheading
    assert_output_has "sigstore SHA256:"
    wolffia rmi -fa >/dev/null
  done
  sign p384 --key "$KEYS/p384.key" --hash sha384
  sigstore p384 p384
  run -0 wolffia pull -q "$REGISTRY/p384:1"
}

@test "a signature among the referrers; one of the platform's manifest, and one of the index above it" {
  put refer:1
  sign refer --key "$KEYS/p256.key" --referrer
  sigstore refer p256
  run -0 wolffia pull -q "$REGISTRY/refer:1"
  # The index is not signed, what it leads to is.
  "$BATS_TEST_DIRNAME/sign.py" "$REGISTRY" refer "$DIGEST" --index-of many
  run -0 wolffia pull -q "$REGISTRY/refer:many"
  put index:1
  index=$("$BATS_TEST_DIRNAME/sign.py" "$REGISTRY" index "$DIGEST" --index-of many)
  sigstore index p256
  run wolffia pull -q "$REGISTRY/index:many"
  assert_status 125
  assert_output_has "none was found"
  sign index --key "$KEYS/p256.key" --claim "$index" # not where it belongs
  run wolffia pull -q "$REGISTRY/index:1"
  assert_status 125
  assert_output_has "it is for other content, $index"
  "$BATS_TEST_DIRNAME/sign.py" "$REGISTRY" index "$index" --key "$KEYS/p256.key"
  run -0 wolffia pull -q "$REGISTRY/index:many"
}

@test "the same bytes from an archive that is accepted are no signed image" {
  put origin:1
  wolffia pull -q "oci-archive:$ARCHIVE"
  wolffia tag "$(cat "$WORLD/id")" "$REGISTRY/origin:1"
  sigstore origin p256
  run wolffia pull -q "$REGISTRY/origin:1"
  assert_status 125
  assert_output_has "none was found"
  sign origin --key "$KEYS/p256.key"
  run -0 wolffia pull -q "$REGISTRY/origin:1"
}

@test "wrong signatures: of another key, digest, repository or tag; malformed, too large, too many; none" {
  sigstore unsigned p256
  wolffia rmi -fa >/dev/null
  refused unsigned:1 "none was found"
  put wrong:1
  sigstore wrong p256
  sign wrong --key "$KEYS/other.key"
  refused wrong:1 "it was made by none of the rule's keys"
  sign wrong --key "$KEYS/p256.key" --claim "sha256:$(printf '0%.0s' {1..64})"
  refused wrong:1 "it is for other content, sha256:0000"
  sign wrong --key "$KEYS/p256.key" --identity "$REGISTRY/another"
  refused wrong:1 "it is for '$REGISTRY/another', not for"
  sign wrong --key "$KEYS/p256.key" --suffix x
  refused wrong:1 "its payload"
  sign wrong --key "$KEYS/p256.key" --duplicate
  refused wrong:1 "its payload"
  sign wrong --key "$KEYS/p256.key" --pad 40000
  refused wrong:1 "at most 32768 are allowed"
  sign wrong --key "$KEYS/p256.key" --swap
  refused wrong:1 "more than"
  sign wrong --key "$KEYS/p256.key" --count 10000
  refused wrong:1 "more than 64 signatures"
  sign wrong --key "$KEYS/p256.key"
  wants "$REGISTRY/wrong" sigstore "$KEYS/p256.pub"
  refused wrong:1 "matchRepository"
  sign wrong --key "$KEYS/p256.key" --identity "$REGISTRY/wrong:2"
  refused wrong:1 "it is for '$REGISTRY/wrong:2'"
  sign wrong --key "$KEYS/p256.key" --identity "$REGISTRY/wrong:1"
  run -0 wolffia pull -q "$REGISTRY/wrong:1"
  wants "$REGISTRY/wrong" sigstore missing.pub
  wolffia rmi -fa >/dev/null
  refused wrong:1 "missing.pub: No such file"
}

@test "gpg: skopeo signs, the signature lies in a folder or on a server; wrong, expired and revoked keys" {
  local key name
  for name in good late lost; do
    gpg --batch --passphrase '' --quick-gen-key "$name@test" ed25519 sign never 2>/dev/null
    put "$name:1" --sign-by "$name@test"
  done
  gpg --export -a good@test >"${POLICY%/*}/good.asc"
  gpg_rule good
  run -0 wolffia pull -q "$REGISTRY/good:1"
  run -0 wolffia inspect --format '{{range .SignaturePolicy}}{{range .Keys}}{{.}}{{end}}{{end}}' "$REGISTRY/good:1"
  assert_output_is "gpg $(gpg --with-colons --fingerprint good@test | awk -F: '$1 == "fpr" {print $10; exit}')"
  # What looks at signatures in the store is confined, and gpgv with it.
  mkdir "$WORLD/wrapped"
  printf '#!/bin/sh\ngrep NoNewPrivs /proc/self/status >"%s"\nexec %s "$@"\n' "$STORE/seen" "$(command -v gpgv)" >"$WORLD/wrapped/gpgv"
  chmod +x "$WORLD/wrapped/gpgv"
  PATH="$WORLD/wrapped:$PATH" run -0 wolffia images --verify --noheading
  assert_output_has signed
  [ "$(cat "$STORE/seen")" = $'NoNewPrivs:\t1' ]
  rm "$STORE/seen"
  wolffia rmi -fa >/dev/null
  port=$(free_port)
  python3 -m http.server -b 127.0.0.1 -d "$SIGS" "$port" >/dev/null 2>&1 3>&- &
  server=$!
  eventually curl -sf "http://127.0.0.1:$port/" -o /dev/null
  wants "$REGISTRY/good" gpg good.asc "lookaside = \"http://127.0.0.1:$port\""
  run -0 wolffia pull -q "$REGISTRY/good:1"
  kill "$server"
  wolffia rmi -fa >/dev/null
  gpg --export late@test >"${POLICY%/*}/good.asc" # binary, and of another
  gpg_rule good
  refused good:1 "by none of the rule's keys"
  # A signature of another image, put where this one's would be.
  gpg --export -a good@test >"${POLICY%/*}/good.asc"
  cp "$SIGS/late@${DIGEST/:/=}/signature-1" "$SIGS/good@${DIGEST/:/=}/signature-1"
  gpg --export late@test >>"${POLICY%/*}/late.gpg"
  wants "$REGISTRY/good" gpg late.gpg "lookaside = \"$SIGS\""
  refused good:1 "it is for '$REGISTRY/late:1'"
  echo garbage >"$SIGS/good@${DIGEST/:/=}/signature-1"
  refused good:1 "no OpenPGP message"
  key=$(gpg --with-colons --fingerprint late@test | awk -F: '$1 == "fpr" {print $10; exit}')
  gpg --batch --quick-set-expire "$key" seconds=1 2>/dev/null
  gpg --export -a late@test >"${POLICY%/*}/late.asc"
  gpg_rule late
  eventually expired "$key"
  refused late:1 "a key that has expired"
  key=$(gpg --with-colons --fingerprint lost@test | awk -F: '$1 == "fpr" {print $10; exit}')
  sed 's/^:-----/-----/' "$GNUPGHOME/openpgp-revocs.d/$key.rev" | gpg --batch --import 2>/dev/null
  gpg --export -a lost@test >"${POLICY%/*}/lost.asc"
  gpg_rule lost
  refused lost:1 "a key that has been revoked"
}
expired() { gpg --with-colons -k "$1" 2>/dev/null | grep -q '^pub:e'; }

@test "two requirements, and a policy that changes: run, images --verify, pull again" {
  put both:1
  sign both --key "$KEYS/p256.key"
  run -0 wolffia pull -q "$REGISTRY/both:1"
  run -0 wolffia run --rm --network none "$REGISTRY/both:1" echo before
  # From now on it must be signed, and no signature was kept.
  sigstore both p256
  run wolffia run --rm --network none "$REGISTRY/both:1" echo never
  assert_status 125
  assert_output_has "pull it again"
  run -1 wolffia images --verify --noheading
  assert_output_has rejected
  run -0 wolffia pull -q "$REGISTRY/both:1"
  run -0 wolffia images --verify --noheading
  assert_output_has signed
  # What was kept is enough, without the registry, and survives a collection.
  run -0 wolffia system prune -f
  touch "$POLICY"
  run -0 wolffia run --rm --network none "$REGISTRY/both:1" echo offline
  assert_output_is offline
  run -0 wolffia system check
  sigstore both other
  run -1 wolffia images --verify --format '{{.Repository}} {{.Verdict}} {{.Reason}}'
  assert_output_has "$REGISTRY/both rejected signature policy: rule"
  run wolffia run --rm --network none "$REGISTRY/both:1" echo never
  assert_status 125
  assert_output_has "by none of the rule's keys"
  run wolffia run --rm --network none --mount "type=image,source=$REGISTRY/both:1,destination=/i" localhost/busybox echo never
  assert_status 125
  # A second requirement has to be met too; a flag takes the place of the user's file.
  sigstore both p256
  run -0 wolffia run --rm --network none "$REGISTRY/both:1" echo again
  { cat "$POLICY" && printf '[[rule.require]]\ntype = "sigstore"\nkeys = ["%s"]\n' "$KEYS/other.pub"; } >"$WORLD/two.toml"
  run wolffia run --rm --network none --signature-policy "$WORLD/two.toml" "$REGISTRY/both:1" echo never
  assert_status 125
  assert_output_has "of $WORLD/two.toml:1"
  run -0 wolffia images --verify --noheading
  run -1 wolffia images --verify --noheading --signature-policy "$WORLD/two.toml"
}

@test "digest-pinned names: the repository is what counts, and the digest holds" {
  put pinned:1
  sign pinned --key "$KEYS/p256.key" --identity "$REGISTRY/pinned:1"
  wants "$REGISTRY/pinned" sigstore "$KEYS/p256.pub"
  run -0 wolffia pull -q "$REGISTRY/pinned@$DIGEST"
  run -0 wolffia pull -q "$REGISTRY/pinned:1@$DIGEST"
  wolffia rmi -fa >/dev/null
  run wolffia pull -q "$REGISTRY/pinned:1@sha256:$(printf '0%.0s' {1..64})"
  assert_status 125
  run -0 wolffia images -q
  assert_output_is ""
}

@test "a mirror that has the image without its signature is passed over" {
  put origin/app:1
  put mirror/app:1
  sign origin/app --key "$KEYS/p256.key"
  sigstore origin/app p256
  cp "$XDG_CONFIG_HOME/wolffia/wolffia.toml" "$WORLD/plain.toml"
  { cat "$WORLD/plain.toml" && printf '[[registry]]\nprefix = "%s/origin"\nmirrors = [{location = "%s/mirror"}]\nca_file = "%s"\n' \
    "$REGISTRY" "$REGISTRY" "$CERTS/ca.crt"; } >"$WORLD/mirror.toml"
  run -0 wolffia --config "$WORLD/mirror.toml" pull "$REGISTRY/origin/app:1"
  assert_output_has "none was found"
  run -0 wolffia images --verify --noheading
  assert_output_has signed
}

@test "archives, layouts, import and the built-in image are origins of their own" {
  printf 'default = "reject"\n' >"$POLICY"
  cp "$ARCHIVE" "$WORLD/busybox.tar"
  run wolffia load -q -i "$WORLD/busybox.tar"
  assert_status 125
  assert_output_has "rejects oci-archive:$WORLD/busybox.tar: default of $POLICY:1"
  run wolffia pull -q "oci-archive:$WORLD/busybox.tar"
  assert_status 125
  run wolffia import "$WORLD/busybox.tar"
  assert_status 125
  assert_output_has "rejects import:$WORLD/busybox.tar"
  run wolffia run --rm --pull=never --network none busybox true
  assert_status 125
  printf 'default = "reject"\n[[rule]]\nscope = "oci-archive:%s"\nanswer = "accept"\n[[rule]]\nscope = "import:"\nanswer = "accept"\n' \
    "$WORLD" >"$POLICY"
  run -0 wolffia load -q -i "$WORLD/busybox.tar"
  run wolffia load -q <"$WORLD/busybox.tar"
  assert_status 125
  run -0 wolffia import -q "$WORLD/busybox.tar" localhost/imported
  run -0 wolffia images --verify --format '{{.Source}} {{.Verdict}}'
  assert_output_has "import:$WORLD/busybox.tar accepted"
  assert_output_has "oci-archive:$WORLD/busybox.tar accepted"
  run -0 wolffia load -q -i "$ARCHIVE" --signature-policy /dev/null
}

@test "the site's policy cannot be loosened by the user's, nor by a flag" {
  mkdir -p "$WORLD/etc/wolffia"
  printf '[[rule]]\nscope = "%s"\nanswer = "reject"\n' "$REGISTRY" >"$WORLD/etc/wolffia/policy.toml"
  printf '[[rule]]\nscope = "%s"\nanswer = "accept"\n' "$REGISTRY" >"$POLICY"
  cp -a /etc/passwd /etc/group /etc/hosts /etc/ssl /etc/nsswitch.conf "$WORLD/etc/" 2>/dev/null || true
  site='mount --rbind "$WORLD/etc" /etc && exec "$@"'
  run unshare -rm sh -c "$site" sh wolffia pull -q "$REGISTRY/unsigned:1"
  assert_status 125
  assert_output_has "rejects docker://$REGISTRY/unsigned:1: rule \"$REGISTRY\" of /etc/wolffia/policy.toml:1"
  run unshare -rm sh -c "$site" sh wolffia pull -q --signature-policy "$POLICY" "$REGISTRY/unsigned:1"
  assert_status 125
  run -0 wolffia pull -q "$REGISTRY/unsigned:1"
  run -1 unshare -rm sh -c "$site" sh wolffia images --verify --noheading
  assert_output_has rejected
}

@test "policy.json of other engines is no policy of ours: said, not half read" {
  mkdir -p "$XDG_CONFIG_HOME/containers"
  echo '{"default": [{"type": "reject"}]}' >"$XDG_CONFIG_HOME/containers/policy.json"
  run -0 wolffia pull -q "$REGISTRY/unsigned:1"
  assert_output_has "wolffia does not read it"
  run wolffia pull -q --signature-policy "$XDG_CONFIG_HOME/containers/policy.json" "$REGISTRY/unsigned:1"
  assert_status 125
  assert_output_has "is JSON"
  rm "$XDG_CONFIG_HOME/containers/policy.json"
  run wolffia pull -q --signature-policy "$WORLD/missing.toml" "$REGISTRY/unsigned:1"
  assert_status 125
  assert_output_has missing.toml
}
