// Command controlplane is a Kubernetes control plane for tests, in one binary: its first argument says which part of it
// this process is, and the others are the flags of that part.
//
// A part lives as long as somebody holds the other end of its standard input, so that none outlives the test that
// started it, however that ends.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	_ "time/tzdata" // for the time zones of cron jobs

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: controlplane etcd|kube-apiserver|kube-controller-manager [flag...]")
		os.Exit(2)
	}
	part, arguments := os.Args[1], os.Args[2:]
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // whatever ends it, whoever started this is gone
		os.Exit(0)
	}()
	os.Exit(run(part, arguments))
}

// run is one part of the control plane, until it fails or is told to end. It returns the exit code.
func run(part string, arguments []string) int {
	switch part {
	case "etcd":
		if err := etcd(arguments); err != nil {
			fmt.Fprintln(os.Stderr, "etcd:", err)
			return 1
		}
		return 0
	case "kube-apiserver":
		command := apiserver.NewAPIServerCommand()
		command.SetArgs(arguments)
		return cli.Run(command)
	case "kube-controller-manager":
		command := controllers.NewControllerManagerCommand()
		command.SetArgs(arguments)
		return cli.Run(command)
	}
	fmt.Fprintf(os.Stderr, "a control plane has no %q\n", part)
	return 2
}

// etcd serves a store of one member, which keeps nothing safe from a loss of power: tests need none of that, and the
// disk of a busy machine is slow.
func etcd(arguments []string) error {
	flags := flag.NewFlagSet("etcd", flag.ContinueOnError)
	dir := flags.String("data-dir", "", "where it keeps its data")
	listen := flags.String("listen", "", "the URL that it listens at, as unix://host:0 or http://127.0.0.1:2379")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	address, err := url.Parse(*listen)
	if err != nil {
		return fmt.Errorf("reading where to listen: %w", err)
	}
	config := embed.NewConfig()
	config.Dir, config.Logger, config.LogLevel, config.UnsafeNoFsync = *dir, "zap", "warn", true
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*address}, []url.URL{*address}
	// No other member ever comes, so its own door to them is a socket in its folder.
	peers := url.URL{Scheme: "unix", Host: "peer.sock"}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peers}, []url.URL{peers}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer server.Close()
	select {
	case err = <-server.Err():
	case <-server.Server.StopNotify():
		err = errors.New("it stopped by itself")
	}
	return err
}
