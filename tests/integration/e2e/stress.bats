#!/usr/bin/env bats
# Random verbs from 8 processes on the same containers, for a minute; by hand longer: tests/stress/stress --minutes 30.
load support

@test "random verbs from 8 processes end as they may, and leave nothing" {
  TMPDIR=$BATS_TEST_TMPDIR run -0 "$BATS_TEST_DIRNAME/../../stress/stress" --processes 8 --seconds "${WOLFFIA_STRESS_SECONDS:-60}"
  echo "$output"
}
