// Keeper: runs a program that would outlive the monitor, and ends it when the monitor has gone: for helpers
// that neither watch a descriptor (as slirp4netns does) nor keep a parent-death signal (which entering a user
// namespace clears). `wolffia-net keep PROGRAM ARGUMENT...`
#pragma once

namespace wolffia {

// Returns when either has ended; the exit code is the program's, or 0. `control` ends when its other end
// closes; there the program's pidfd is sent once it runs, so that it can be ended where the keeper was killed.
int RunKeeper(int control, char** program);

}  // namespace wolffia
