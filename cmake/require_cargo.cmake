# require_cargo(MANIFEST): finds cargo as CARGO; stops with the remedy where it is older than the manifest's rust-version.
function(require_cargo manifest)
  file(STRINGS "${manifest}" line REGEX "^rust-version *= *\"")
  string(REGEX REPLACE ".*\"(.*)\".*" "\\1" needed "${line}")
  set(remedy "Install Rust ${needed} or newer with rustup (https://rustup.rs), put ~/.cargo/bin first in PATH, and build again.")
  find_program(CARGO cargo HINTS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin")
  if(NOT CARGO)
    message(FATAL_ERROR "cargo is missing. ${remedy}")
  endif()
  execute_process(COMMAND "${CARGO}" --version OUTPUT_VARIABLE version ERROR_VARIABLE version RESULT_VARIABLE result)
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" found "${version}")
  if(result OR found VERSION_LESS needed)
    # Else the next run would not look for it again.
    set(path "${CARGO}")
    unset(CARGO CACHE)
    message(FATAL_ERROR "${path} says '${version}'; ${needed} or newer is needed, and the packages of Debian and Ubuntu are older. "
      "${remedy}")
  endif()
endfunction()
