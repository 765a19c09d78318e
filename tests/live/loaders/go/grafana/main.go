// Grafana reads its file with ini.v1; this prints the section of a file as ini.v1 reads it.
package main

import (
	"encoding/json"
	"os"

	"gopkg.in/ini.v1"
)

func main() {
	file, err := ini.Load(os.Args[1])
	if err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(file.Section("auth.generic_oauth").KeysHash()); err != nil {
		panic(err)
	}
}
