// oauth2-proxy's own options, from the file that is given, or from the environment; this prints its provider.
package main

import (
	"encoding/json"
	"os"

	"github.com/oauth2-proxy/oauth2-proxy/v7/pkg/apis/options"
)

func main() {
	config := ""
	if len(os.Args) > 1 {
		config = os.Args[1]
	}
	loaded := options.NewLegacyOptions()
	if err := options.Load(config, options.NewLegacyFlagSet(), loaded); err != nil {
		panic(err)
	}
	made, err := loaded.ToOptions()
	if err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(made.Providers[0]); err != nil {
		panic(err)
	}
}
