// What `wolffia doctor` prints for people. Pure.
#pragma once

#include <string>
#include <vector>

#include "engine/guarantees/guarantee.h"

namespace wolffia {

struct Diagnosis {
  std::string_view group;  // its title
  const Guarantee* guarantee;
  Finding finding;
};

struct DoctorStyle {
  bool colour = false;
  size_t width = 0;  // of the terminal, in columns; 0: lines are not broken
};

// A line a guarantee below the headings of the groups, and what there is to say of those that do not hold; at
// the end a summary.
std::string DescribeHost(const std::vector<Diagnosis>& diagnoses, const DoctorStyle& style);

// For a shell: what the user can do, and what an administrator; a remedy without a command is a comment.
std::string DescribeRemedies(const std::vector<Diagnosis>& diagnoses, const std::string& user);

}  // namespace wolffia
