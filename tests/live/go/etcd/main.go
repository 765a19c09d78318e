// An etcd as it is released: where the kube-apiserver of the tests keeps its objects.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
