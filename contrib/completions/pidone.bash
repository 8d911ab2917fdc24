# shellcheck shell=bash
# Completion of pidone(1) in bash, by the bash-completion package. What stands here is what
# `pidone --help` offers: tests/package/test_completions.py compares the two.

# The roles of the configuration that is meant, and of what is in the working directory.
# A pidone.ini there is mostly the one that goes into the image.
_pidone_roles() {
	local program=${words[0]} role
	{
		printf '%s\n' /init /run /async
		"$program" "${config[@]}" explain
		[[ ${#config[@]} -gt 0 || -n ${PIDONE_CONFIG-} || ! -r pidone.ini ]] ||
			"$program" --config pidone.ini explain
	} 2>/dev/null | while IFS= read -r role; do
		[[ ! $role =~ ^(/[a-z][a-z0-9]*)(:|$) ]] || printf '%s\n' "${BASH_REMATCH[1]}"
	done
}

_pidone_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# The value of the option $prev; false where it takes none.
_pidone_value() {
	case $prev in
	-c | --config) _filedir ;;
	--log-format) _pidone_words "text json" ;;
	--timeout) _pidone_words "30s 1m 5m 10m" ;;
	*) return 1 ;;
	esac
}

_pidone_targets() {
	local path=${cur#*:}
	case $cur in
	unix:* | file:*)
		local scheme=${cur%%:*}
		local whole=$cur
		cur=$path
		_filedir
		COMPREPLY=("${COMPREPLY[@]/#/$scheme:}")
		__ltrim_colon_completions "$whole"
		;;
	*)
		_pidone_words "postgres postgresql:// tcp:// unix: http:// redis:// file: exec: --"
		[[ ${COMPREPLY[*]} != *[:/] ]] || compopt -o nospace
		__ltrim_colon_completions "$cur"
		;;
	esac
}

# The first word that is no option: a role, a subcommand, or any command.
_pidone_first() {
	case $cur in
	-*) _pidone_words "-c --config -q -v --log-format -h --help -V --version" ;;
	'' | /*)
		_pidone_words "$(_pidone_roles)"
		[[ -n $cur ]] || COMPREPLY+=("${subcommands[@]}")
		# not beside a role: /run is a directory, too, and would become /run/
		[[ ${#COMPREPLY[@]} -gt 0 ]] || _filedir
		;;
	*)
		_pidone_words "${subcommands[*]}"
		mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -c -- "$cur")
		;;
	esac
}

# Behind the subcommand $1: its options $2 and its words $3.
_pidone_subcommand() {
	if [[ $cur == -* ]]; then
		_pidone_words "$2 -c --config -h --help"
		return
	fi
	case $1 in
	check | explain | status) _pidone_words "$(_pidone_roles)" ;;
	probe) if [[ $prev == probe ]]; then _pidone_words "$3"; else _pidone_words "$(_pidone_roles)"; fi ;;
	once) [[ $prev != once ]] || _pidone_words "$3" ;;
	install) _filedir ;;
	wait) _pidone_targets ;;
	esac
}

# Only in front of "--", behind which another command's own words begin.
_pidone_behind() {
	local i
	for ((i = at + 1; i < cword; i++)); do
		if [[ ${words[i]} == -- ]]; then
			_command_offset $((i + 1))
			return
		fi
	done
	! _pidone_value || return
	case ${words[at]} in
	explain) _pidone_subcommand explain --ini ;;
	probe) _pidone_subcommand probe "" "live ready startup" ;;
	status) _pidone_subcommand status --json ;;
	wait) _pidone_subcommand wait --timeout ;;
	once) _pidone_subcommand once "" "list forget" ;;
	*) _pidone_subcommand "${words[at]}" ;;
	esac
}

_pidone() {
	# shellcheck disable=SC2034 # split is bash-completion's
	local cur prev words cword split at=1 config=()
	local subcommands=(check explain probe status wait once install)
	_init_completion -s -n : || return
	while ((at < cword)); do
		case ${words[at]} in
		-c | --config) config=(--config "${words[at + 1]}") && at=$((at + 2)) ;;
		--config=*) config=("${words[at]}") && at=$((at + 1)) ;;
		--log-format) at=$((at + 2)) ;;
		--) break ;;
		-?*) at=$((at + 1)) ;;
		*) break ;;
		esac
	done
	if ((at > cword)) || [[ $at = "$cword" && ${words[at]} == --*=* ]]; then
		_pidone_value
	elif [[ $at = "$cword" ]]; then
		_pidone_first
	elif [[ ${words[at]} == -- ]]; then
		_command_offset $((at + 1))
	elif [[ " ${subcommands[*]} " == *" ${words[at]} "* ]]; then
		_pidone_behind
	elif [[ ! ${words[at]} =~ ^/[a-z][a-z0-9]*$ ]]; then
		_command_offset "$at"
	elif ((at + 1 == cword)); then
		_pidone_words --
	elif [[ ${words[at + 1]} == -- ]]; then
		_command_offset $((at + 2))
	fi
}

complete -F _pidone pidone
