# A build with one safety removed (test/faults/mutants.py): its sources take the place of ours. Exists for the fault suite; the
# folder is its own, so that no mutant can be taken for what users run.
set(ATES_MUTANT "" CACHE STRING "name of a mutant of test/faults/mutants.py; in build/mutants only")

if(ATES_MUTANT)
  if(NOT CMAKE_BINARY_DIR STREQUAL "${CMAKE_SOURCE_DIR}/build/mutants")
    message(FATAL_ERROR "ATES_MUTANT is for build/mutants (cmake --preset mutants) and nothing else")
  endif()
  set(_mutated "${CMAKE_BINARY_DIR}/mutated")
  file(REMOVE_RECURSE "${_mutated}")
  execute_process(COMMAND python3 "${CMAKE_SOURCE_DIR}/test/faults/mutants.py" write "${ATES_MUTANT}" "${_mutated}"
                  OUTPUT_VARIABLE _files OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE "\n" ";" _files "${_files}")
  foreach(_file IN LISTS _files)
    get_filename_component(_folder "${_file}" DIRECTORY)
    get_filename_component(_name "${_file}" NAME)
    get_target_property(_sources ates_${_folder} SOURCES)
    list(TRANSFORM _sources REPLACE "^${_name}$" "${_mutated}/${_file}")
    set_target_properties(ates_${_folder} PROPERTIES SOURCES "${_sources}")
  endforeach()
  target_include_directories(ates_options BEFORE INTERFACE "${_mutated}")
endif()
