// ContentTrial: an image whose manifest is not what its digest says, pulled into a store of its own by the
// program that pulls for `wolffia pull`: it must be refused. Runs beside the other trials, in a staging
// directory of the store, so that what a killed doctor leaves is swept up.
#pragma once

#include <optional>

#include "engine/base/process.h"
#include "storage/staging.h"

namespace wolffia {

class ContentTrial {
 public:
  // Starts it, and does not wait.
  static Result<ContentTrial> Start(const Store& store);
  // Waits. Empty if the image was refused for its digest, else what happened instead.
  std::string Finish();

 private:
  explicit ContentTrial(Staging staging) : staging_(std::move(staging)) {}
  Staging staging_;
  Child child_;
  Fd words_;  // its standard error
};

}  // namespace wolffia
