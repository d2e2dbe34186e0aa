# shellcheck shell=bash
# Clone the repositories of the stack for large language models, convert them, and set the environment of this shell.
#
#   source auto_convert_llm.sh [DIR] [OPTIONS]
#
# For bash and zsh. DIR and OPTIONS are those of `ms-convert workspace` (--help tells them); without DIR it is
# ./workspace. Later, and in other shells, `source DIR/env.sh` is enough. PYTHON names the interpreter, which is python3
# unless ms-convert is on PATH.

_ms_convert_llm() {
  local here output environment
  if [ -n "${BASH_VERSION-}" ]; then
    here=${BASH_SOURCE[0]}
  else
    eval 'here=${(%):-%x}' # zsh's way; no shell but zsh can read it
  fi
  case $here in
    /*) ;;
    *) here=$PWD/$here ;;
  esac

  # All messages go to stderr, so that the last line of stdout is the path of env.sh (or it is the text of --help).
  if [ -z "${PYTHON-}" ] && command -v ms-convert > /dev/null 2>&1; then
    output=$(command ms-convert workspace --rules llm.yaml "$@") || return $?
  elif command "${PYTHON:-python3}" -c 'import ms_convert' > /dev/null 2>&1; then
    output=$(command "${PYTHON:-python3}" -m ms_convert workspace --rules llm.yaml "$@") || return $?
  else
    printf '%s\n' "auto_convert_llm.sh: ms-convert is not installed for ${PYTHON:-python3}; install it with" \
      "  ${PYTHON:-python3} -m pip install '${here%/*}[runtime]'" "and source this script again" >&2
    return 1
  fi
  environment=${output##*$'\n'}
  case $environment in
    /*/env.sh) ;;
    *)
      printf '%s\n' "$output"
      return 0
      ;;
  esac

  # shellcheck source=/dev/null
  . "$environment" || return $?
  printf '%s\n' "PYTHONPATH=$PYTHONPATH" >&2
  command env | command grep '^MINDTORCH_' >&2
  printf '%s\n' "set for this shell; in another one: source '$environment'" >&2
}

# The function does not stay behind, and the status of the script is its.
if _ms_convert_llm "$@"; then
  unset -f _ms_convert_llm
else
  eval "unset -f _ms_convert_llm; (exit $?)"
fi
