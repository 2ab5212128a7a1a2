# End-to-end tests: bats files, each one ctest entry.
find_program(BATS bats)
if(BATS)
  file(GLOB paths CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/e2e/[a-z]*.bats)
  foreach(path ${paths})
    get_filename_component(file ${path} NAME_WE)
    add_test(NAME e2e_${file} COMMAND ${BATS} --print-output-on-failure ${path})
    set_tests_properties(e2e_${file} PROPERTIES LABELS e2e TIMEOUT 900
      ENVIRONMENT "WOLFFIA_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  endforeach()
else()
  message(WARNING "bats is missing: no end-to-end tests")
endif()
