# The parser and the lexer, generated and added to nnc_syntax.
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/grammar/nn.y)
  bison_target(nnc_parser ${CMAKE_CURRENT_SOURCE_DIR}/grammar/nn.y ${NNC_GENERATED}/nn.tab.c DEFINES_FILE ${NNC_GENERATED}/nn.tab.h COMPILE_FLAGS "-Wall")
  flex_target(nnc_lexer ${CMAKE_CURRENT_SOURCE_DIR}/grammar/nn.l ${NNC_GENERATED}/nn.lex.c DEFINES_FILE ${NNC_GENERATED}/nn.lex.h)
  add_flex_bison_dependency(nnc_lexer nnc_parser)
  target_sources(nnc_syntax PRIVATE ${BISON_nnc_parser_OUTPUTS} ${FLEX_nnc_lexer_OUTPUTS})
  set_source_files_properties(${BISON_nnc_parser_OUTPUTS} PROPERTIES COMPILE_OPTIONS "-Wno-unused-but-set-variable")
  set_source_files_properties(${FLEX_nnc_lexer_OUTPUTS} PROPERTIES COMPILE_OPTIONS "-Wno-unused-function;-Wno-missing-prototypes;-Wno-sign-compare")
endif()
