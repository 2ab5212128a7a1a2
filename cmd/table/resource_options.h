// The options about what a container may use: of `run` and `create`, and those that `update` can change.
#pragma once

#include "cmd/option.h"

namespace wolffia::table {

inline constexpr Option kBlkioWeight = {"blkio-weight", 0, OptionKind::kInt, "WEIGHT",
                                        "Share of block I/O, from 10 to 1000"};
inline constexpr Option kBlkioWeightDevice = {
    "blkio-weight-device",     0,  OptionKind::kList, "DEVICE:WEIGHT",
    "The same for one device", "", Completes::kFiles};
inline constexpr Option kCgroupConf = {"cgroup-conf", 0, OptionKind::kList, "FILE=TEXT",
                                       "Write TEXT into a controller's file of the container's cgroup"};
inline constexpr Option kCpuPeriod = {"cpu-period", 0, OptionKind::kInt, "MICROSECONDS",
                                      "Period in which --cpu-quota counts"};
inline constexpr Option kCpuQuota = {"cpu-quota", 0, OptionKind::kInt, "MICROSECONDS",
                                     "Processor time of each period; -1: no limit"};
inline constexpr Option kCpuShares = {"cpu-shares", 'c', OptionKind::kInt, "SHARES",
                                      "Share of processor time where it is scarce, from 2 to 262144"};
inline constexpr Option kCpus = {"cpus", 0, OptionKind::kString, "NUMBER",
                                 "Use at most so many processors' time, 1.5 for example"};
inline constexpr Option kCpusetCpus = {"cpuset-cpus", 0, OptionKind::kString, "LIST",
                                       "Run on these processors alone, 0-3,8 for example"};
inline constexpr Option kCpusetMems = {"cpuset-mems", 0, OptionKind::kString, "LIST",
                                       "Take memory from these NUMA nodes alone"};
inline constexpr Option kDeviceReadBps = {
    "device-read-bps", 0, OptionKind::kList, "DEVICE:RATE", "Read at most so many bytes a second", "",
    Completes::kFiles};
inline constexpr Option kDeviceReadIops = {
    "device-read-iops", 0, OptionKind::kList, "DEVICE:RATE", "Read at most so many times a second", "",
    Completes::kFiles};
inline constexpr Option kDeviceWriteBps = {
    "device-write-bps", 0, OptionKind::kList, "DEVICE:RATE", "Write at most so many bytes a second", "",
    Completes::kFiles};
inline constexpr Option kDeviceWriteIops = {
    "device-write-iops", 0, OptionKind::kList, "DEVICE:RATE", "Write at most so many times a second", "",
    Completes::kFiles};
inline constexpr Option kMemory = {"memory", 'm', OptionKind::kString, "SIZE",
                                   "Limit of memory, 512m for example; -1: none"};
inline constexpr Option kMemoryHigh = {"memory-high", 0, OptionKind::kString, "SIZE",
                                       "Memory above which the container is slowed down"};
inline constexpr Option kMemoryReservation = {"memory-reservation", 0, OptionKind::kString, "SIZE",
                                              "Memory that is kept for the container where it is scarce"};
inline constexpr Option kMemorySwap = {"memory-swap", 0, OptionKind::kString, "SIZE",
                                       "Limit of memory and swap together; -1: no limit of swap"};
inline constexpr Option kMemorySwappiness = {
    "memory-swappiness", 0, OptionKind::kInt, "N",
    "Refused: cgroup v2 has no swappiness of its own; -1 is allowed"};
inline constexpr Option kPidsLimit = {"pids-limit", 0, OptionKind::kInt, "N",
                                      "Limit of processes and threads; -1: none; 2048 where it can hold"};

}  // namespace wolffia::table
