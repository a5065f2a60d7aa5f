// Command volume-provisioner fulfils PersistentVolumeClaims with directories of the sandbox's only node.
//
// The volumes are of type hostPath, to which the kubelet does not apply fsGroup: the directories are therefore
// writable by everyone, as what runs in the pods is not root.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const provisionerName = "kafka-bluegreen.io/directory"

// directories makes and removes one directory per volume, all below root. The container sees root at the same
// path as the node does, so that the path in the PersistentVolume holds for both.
type directories struct{ root string }

func (d directories) path(volume string) (string, error) {
	if volume == "" || volume != filepath.Base(volume) || volume == "." || volume == ".." {
		return "", fmt.Errorf("volume name %q is not a file name", volume)
	}
	return filepath.Join(d.root, volume), nil
}

func (d directories) Provision(_ context.Context, options controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	path, err := d.path(options.PVName)
	if err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	if err := os.Mkdir(path, 0o777); err != nil && !os.IsExist(err) {
		return nil, controller.ProvisioningFinished, err
	}
	if err := os.Chmod(path, 0o777); err != nil { // Mkdir's mode is subject to the umask.
		return nil, controller.ProvisioningFinished, err
	}
	kind := corev1.HostPathDirectory
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			Capacity: corev1.ResourceList{
				corev1.ResourceStorage: options.PVC.Spec.Resources.Requests[corev1.ResourceStorage],
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: path, Type: &kind},
			},
		},
	}
	return volume, controller.ProvisioningFinished, nil
}

func (d directories) Delete(_ context.Context, volume *corev1.PersistentVolume) error {
	path, err := d.path(volume.Name)
	if err != nil {
		return err
	}
	return os.RemoveAll(path)
}

func main() {
	root := flag.String("root", "", "directory that holds the volumes, the same path on the node and in this container")
	flag.Parse()
	if *root == "" {
		klog.Fatal("-root is required")
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		klog.Fatalf("no service account: %v", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		klog.Fatalf("client: %v", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// One node, one replica: an election would only delay the first volume.
	provisioner := controller.NewProvisionController(ctx, client, provisionerName, directories{*root}, controller.LeaderElection(false))
	go func() {
		<-ctx.Done()
		os.Exit(0) // Run never returns.
	}()
	provisioner.Run(ctx)
}
