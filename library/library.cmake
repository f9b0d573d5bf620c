# Embeds library/*.nn into nnc_driver as two parallel arrays: names and texts.
file(GLOB NNC_LIBRARY_FILES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/library/*.nn)
add_custom_command(OUTPUT ${NNC_GENERATED}/library.c
  COMMAND ${CMAKE_COMMAND} "-DFILES=${NNC_LIBRARY_FILES}" -DOUTPUT=${NNC_GENERATED}/library.c -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed.cmake
  DEPENDS ${NNC_LIBRARY_FILES} ${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
target_sources(nnc_driver PRIVATE ${NNC_GENERATED}/library.c)
