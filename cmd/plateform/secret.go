package main

import (
	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/encrypt"
)

// secretCommand holds what is about secret values.
func secretCommand(a *app) *cobra.Command {
	return encrypt.Terminal{In: a.stdin, Out: a.stdout, Err: a.stderr, Folder: configFolder, Key: parseKey, Arguments: argumentCount}.Command(groupAct)
}
