// Judgement: from what was tried to a finding, for what several rows have in common. The sentences are those
// of the errors of `run`, so that a user meets the same words in both.
#pragma once

#include <optional>
#include <string>

#include "engine/guarantees/guarantee.h"
#include "engine/guarantees/host_trial.h"

namespace wolffia {

// A sentence of the engine's own errors, "reason: an administrator can REMEDY", taken apart. What is quoted
// in the remedy is its command. Without a remedy in it the verdict is LOST.
Finding FindingOf(const std::string& sentence);

// Why a namespace (CLONE_NEWNET ...) cannot be had; nullopt if it can.
std::optional<Finding> NamespaceRefused(HostTrial& host, uint64_t flag);

// kHolds for a trial that worked, and why it could not be made for one that was not. nullopt if it failed:
// the row says why.
std::optional<Finding> Settled(HostTrial& host, Trial trial);

// The first number of the next range of subordinate ids that nobody has, for a command that gives one.
uint32_t FreeSubordinateId();

// Several ids inside: nullopt if they are there.
std::optional<Finding> OneIdOnly(HostTrial& host);

// "Operation not permitted" for people.
std::string Words(int os_errno);

}  // namespace wolffia
