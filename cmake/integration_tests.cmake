# `colcon test`: the tests of tests/ros, real nodes over DDS, labelled `integration`. Where they can't run it says why.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

function(add_integration_tests)
  set(missing)
  if(NOT BUILD_NODE)
    set(missing "the nodes are not built: -DBUILD_NODE=ON")
  else()
    foreach(module pytest yaml rclpy)
      execute_process(COMMAND "${Python3_EXECUTABLE}" -c "import ${module}" RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
      if(NOT result EQUAL 0)
        list(APPEND missing "${Python3_EXECUTABLE} has no module ${module}")
      endif()
    endforeach()
  endif()
  set(skipped)
  if(missing)
    list(JOIN missing ", " reason)
    message(WARNING "The integration tests will be skipped: ${reason}.")
    set(skipped SKIP_TEST)
  endif()
  set(result "${AMENT_TEST_RESULTS_DIR}/${PROJECT_NAME}/integration.xunit.xml")
  ament_add_test(integration ${skipped}
    COMMAND "${Python3_EXECUTABLE}" -u -m pytest "${CMAKE_CURRENT_SOURCE_DIR}/tests/ros" -q -p no:cacheprovider
            "--junit-xml=${result}" --junit-prefix=${PROJECT_NAME}
    RESULT_FILE "${result}"
    OUTPUT_FILE "${CMAKE_CURRENT_BINARY_DIR}/integration.log"
    ENV "GRATING_BUILD=${CMAKE_CURRENT_BINARY_DIR}"
    TIMEOUT 1800)
  set_tests_properties(integration PROPERTIES LABELS integration RUN_SERIAL TRUE)
endfunction()

add_integration_tests()
