# Tests in a virtual machine (vm.bash): bats files, each one ctest entry with a machine of its own. Without WOLFFIA_VM=all
# (scripts/check --vm) all but the short ones skip themselves. Sanitizers need libraries that the machine has not, and
# emulated they would be too slow.
if(BATS AND NOT WOLFFIA_SANITIZE AND NOT WOLFFIA_FUZZ AND NOT WOLFFIA_COVERAGE)
  file(GLOB paths CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.bats)
  foreach(path ${paths})
    get_filename_component(file ${path} NAME_WE)
    add_test(NAME vm_${file} COMMAND ${BATS} --print-output-on-failure ${path})
    set_tests_properties(vm_${file} PROPERTIES LABELS vm TIMEOUT 1800 RESOURCE_LOCK vm
      ENVIRONMENT "WOLFFIA_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  endforeach()
  set_tests_properties(vm_e2e PROPERTIES TIMEOUT 28800)
endif()
