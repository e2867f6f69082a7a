# Builds a copy of the SDK's template in OUT, which has blanks, with make or cmake (TOOL), public
# headers only, under a umask that lets the group write, and checks that the plugin exports its one
# symbol and that the server (SERVER) loads it.
file(REMOVE_RECURSE ${OUT})
file(COPY ${SDK}/ DESTINATION ${OUT})
set(dir ${OUT}/template-broker)
file(COPY ${INCLUDE}/ DESTINATION ${OUT}/include)
set(INCLUDE ${OUT}/include)
execute_process(COMMAND chmod -R g+w ${OUT} COMMAND_ERROR_IS_FATAL ANY)
if(TOOL STREQUAL "make")
  execute_process(COMMAND sh -c "umask 002 && exec \"$@\"" sh make -C ${dir} CC=${CMAKE_C_COMPILER} INCLUDE=${INCLUDE}
    COMMAND_ERROR_IS_FATAL ANY)
  set(plugin ${dir}/broker-template.so)
else()
  execute_process(COMMAND sh -c "umask 002 && exec \"$@\"" sh ${CMAKE_COMMAND} -S ${dir} -B ${dir}/build
    -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER} -DPLUGBOARD_INCLUDE=${INCLUDE}
    COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND sh -c "umask 002 && exec \"$@\"" sh ${CMAKE_COMMAND} --build ${dir}/build COMMAND_ERROR_IS_FATAL ANY)
  set(plugin ${dir}/build/broker-template.so)
endif()
execute_process(COMMAND nm -D --defined-only ${plugin}
  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(STRIP "${symbols}" symbols)
if(NOT symbols MATCHES "^[0-9a-f]+ [DR] plug_plugin_entry$")
  message(FATAL_ERROR "exported symbols:\n${symbols}")
endif()
execute_process(COMMAND ${SERVER} --plugin-info ${plugin} OUTPUT_VARIABLE info
  COMMAND_ERROR_IS_FATAL ANY)
if(NOT info MATCHES "template")
  message(FATAL_ERROR "not what the template says of itself:\n${info}")
endif()
