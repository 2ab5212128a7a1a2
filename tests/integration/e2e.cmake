# End-to-end tests: bats files, each one ctest entry.
find_program(BATS bats)
if(BATS)
  foreach(file run registry images badinput crash upper overlayfs)
    set(path ${CMAKE_CURRENT_SOURCE_DIR}/integration/e2e/${file}.bats)
    if(EXISTS ${path})
      add_test(NAME e2e_${file} COMMAND ${BATS} --print-output-on-failure ${path})
      set_tests_properties(e2e_${file} PROPERTIES LABELS e2e TIMEOUT 900
        ENVIRONMENT "WOLFFIA_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
    endif()
  endforeach()
else()
  message(WARNING "bats is missing: no end-to-end tests")
endif()
